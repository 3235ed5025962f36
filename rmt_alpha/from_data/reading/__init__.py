"""Samples and sources from files, whoever wrote them.

Open `sample_file` first: one .npz file, or tables of the samples and of each source; then `table`, what every
table becomes, `text`, which finds out how a CSV file is written and hands it to pandas, and `row_check`,
which counts its fields on the way.  A `memory_file` is read like one on disk.
"""
