"""What is asked: problems as frozen objects, validated once, with no answer in them.

Open `transfer` first, the isotropic problem in nine numbers; `fine_tuning` is the general one.  Methods that
answer (`curve`, `simulate`) are one line each, which imports who does.
"""
