"""What the runs show: their record, paired tests of the methods, the report and the figures.

Open `runs` first, the record, then `report`; of task transfers `transfer_results`, then `transfer_report`.
Nothing here needs PyTorch.
"""
