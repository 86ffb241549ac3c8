from fairlane.preview.body import PreviewError as PreviewError
from fairlane.preview.dashboards import preview as preview
