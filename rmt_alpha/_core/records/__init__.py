"""The resumable record of everything that takes long: one SQLite file, a checksum for every row.

Open `record` first.  `record_file` makes and checks the file, `record_locks` knows what file systems do to
it, `record_claims` keeps several drivers from the same row, `record_text` is its form for version control.
"""
