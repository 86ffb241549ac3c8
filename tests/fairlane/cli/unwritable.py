"""Files that no command can write, relative to the working directory, and the sentences about them."""

UNWRITABLE = [
    ("absent/page.html", "there is no folder absent: create it, or name a file in another folder"),
    (".", "a folder has this name: name a file"),
    ("a" * 300, "the file cannot be written, File name too long: name another file"),
]
