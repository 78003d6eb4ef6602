"""Power cuts: a file system of our own on a loop device, shut down under a frozen writer."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# linux/fs/ext4/ext4.h: _IOR('X', 125, __u32), and the flag "do not write the journal out".
EXT4_IOC_SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125
NO_LOG_FLUSH = struct.pack("I", 2)
# The right CAP_SYS_ADMIN of linux/capability.h.
MAY_MOUNT = 1 << 21
PROGRAMS = ("losetup", "mkfs.ext4", "mount", "umount")
IMAGE_BYTES = 64 * 1024 * 1024
# Nothing reaches the disk by the passing of time within a test: only by fsync.
COMMIT_EVERY_S = 300
NO_SYNC = """
int fsync(int descriptor) { (void)descriptor; return 0; }
int fdatasync(int descriptor) { (void)descriptor; return 0; }
"""


def why_not() -> str:
    """Say why no power can be cut on this machine, empty where it can."""
    status = Path("/proc/self/status")
    rights = (
        re.search(r"^CapEff:\s*(\w+)", status.read_text(), re.MULTILINE)
        if status.exists()
        else None
    )
    if rights is None or not int(rights[1], 16) & MAY_MOUNT:
        return "cutting the power of a file system needs root that may mount one"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"cutting the power of a file system needs {', '.join(missing)}"
    found = subprocess.run(["losetup", "-f"], capture_output=True, text=True, check=False)
    if found.returncode != 0 or not Path(found.stdout.strip()).is_block_device():
        return "there is no free loop device to make a file system on"
    return ""


@dataclass(frozen=True)
class Disk:
    """A mounted ext4 file system in a file."""

    image: Path
    folder: Path

    def mount(self) -> None:
        """Mount it, which replays what the journal holds, as after a power cut."""
        options = f"loop,commit={COMMIT_EVERY_S}"
        subprocess.run(["mount", "-o", options, self.image, self.folder], check=True)

    def cut_power(self) -> None:
        """From now on nothing reaches the image any more; what was not there yet is lost."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(folder)

    def unmount(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", self.folder], check=True)


@contextmanager
def a_disk(folder: Path) -> Iterator[Disk]:
    """A fresh disk, mounted; unmounted with the block."""
    disk = Disk(folder / "disk.img", folder / "disk")
    disk.folder.mkdir()
    with disk.image.open("wb") as image:
        image.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", disk.image], check=True)
    disk.mount()
    try:
        yield disk
    finally:
        # Lazily: where the test failed, its writer may still run.
        subprocess.run(["umount", "--lazy", disk.folder], check=False)


def without_fsync(folder: Path) -> dict[str, str]:
    """The environment in which fsync does nothing: what a broken disk or setting does."""
    source, library = folder / "no_sync.c", folder / "no_sync.so"
    source.write_text(NO_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library)}
