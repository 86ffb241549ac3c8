"""Chart layout and HTML pages, shared by previews and reports. Not part of the public API."""
