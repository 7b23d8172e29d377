"""``python -m tests.servers [pytest's arguments]``: install the servers, then test in a network of our own.

Some of these servers listen on every interface and know no password. Where the system allows it they run, tests and
all, in a network namespace that has loopback only: nobody outside reaches them, and they reach nobody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.servers import npm

ALONE = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def main() -> None:
    npm.install_all()
    command = [sys.executable, "-m", "pytest", "-m", "servers", *sys.argv[1:]]
    if _can_be_alone():
        command = [*ALONE, *command]
    else:
        sys.stderr.write("No network namespace can be made here: the test servers listen on this machine's network.\n")
    os.execvp(command[0], command)  # What runs is said above.


def _can_be_alone() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
