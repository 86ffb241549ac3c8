"""`fairlane local kubeconfig`: configuration of kubectl for an EKS cluster of the local AWS."""

import argparse
import shlex
from pathlib import Path

from fairlane.cli.local_clock import AddCommand


def add_to(add: AddCommand) -> None:
    """Add the command."""
    parser = add("kubeconfig", _kubeconfig, "print the configuration of kubectl for an EKS cluster, or write it")
    text = "name or ARN of the cluster (default: the only cluster)"
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help=text)
    text = "file to write, which only you can read; replaces an earlier file of this command (default: print)"
    parser.add_argument("--output", type=Path, metavar="FILE", help=text)


def _kubeconfig(arguments: argparse.Namespace) -> int:
    from fairlane_local.kubernetes.kubeconfig import find_cluster, kubeconfig, write_kubeconfig

    configuration = kubeconfig(arguments.port, find_cluster(arguments.port, arguments.cluster))
    if arguments.output is None:
        print(configuration, end="")
        return 0
    write_kubeconfig(configuration, arguments.output)
    print(f"Wrote {arguments.output}. To use it in this shell, run:\n")
    print(f"  export KUBECONFIG={shlex.quote(str(arguments.output.resolve()))}")
    return 0
