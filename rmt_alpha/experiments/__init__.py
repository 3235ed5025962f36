"""What the paper and our studies did, made again by command: nothing of the library imports it.

Open `reproduce` first; `data` loads, `figures` draws, `study` judges alpha from data, `networks` fine-tunes.
"""
