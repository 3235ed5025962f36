"""Theory held against simulation, for one problem (`compare`) and over grids of them (`sweeps`).

Open `compare` first, whose answer is a `comparison`.
"""
