from fairlane.monitoring.archive.archive_grants import JobArchiveGrants as JobArchiveGrants
from fairlane.monitoring.archive.job_archive import JobArchive as JobArchive
