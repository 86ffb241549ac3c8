"""Facts about AWS that Fairlane states unverified, compared with a real account. The command is `fairlane verify`."""
