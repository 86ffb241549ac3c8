from fairlane.cli.command import main as main
