"""How objects show themselves in a notebook: cards of numbers, and small pictures.

Open `html` first; `svg` draws what its cards hold.
"""
