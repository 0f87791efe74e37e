"""Parts of the modules' panels: plain objects over .ui files, each of which knows its collaborators and no other part.

The only room, beside the modules themselves, that knows Qt. What a part shows lies in the .ui file beside it.
"""
