"""The tasks of GLUE: their files, their rows, and which rows a run trains on.

Open `loading` first: it finds the rows of a task as tsv files or on the hub.
"""
