"""`rmt-alpha explore`: the theory as an application in the browser, served on this machine and to it alone.

Open `window` first, what one browser window shows; in `tabs` is what can be opened in it, each of which is a
`tab`.  `fields` says what can be set and writes it into the URL, `form` are the controls, in `browser` what
runs there; `look` are figures in the colours of all others, `work` what takes longer, `snippets` the same as
code; `server` serves it at an `address`.  All numbers are the package's.  It needs the extra ``explore``.
"""

from __future__ import annotations

import importlib.util

if any(importlib.util.find_spec(name) is None for name in ("panel", "bokeh")):
    raise ImportError("the application in the browser needs Panel: pip install '.[explore]' in a clone")
