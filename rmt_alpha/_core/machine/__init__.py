"""What the machine gives and takes: memory, threads, processes that end, and which code they run.

Open `memory` first, which is asked before anything large is made.
"""
