"""Tables of numbers, whoever wrote them.

Open `table` first, what every file of samples becomes; then `text`, which finds out how a CSV file is written
and hands it to pandas, and `row_check`, which counts its fields on the way.
"""
