"""Chart layout and HTML pages of previews and reports. Not part of the public API."""
