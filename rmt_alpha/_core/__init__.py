"""What everything stands on: number types, argument checks, small linear algebra; nothing of the model.

Open `checks` first: every argument of the package passes through it.
"""
