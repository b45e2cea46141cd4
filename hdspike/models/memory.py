"""Whether a model fits in memory, said before it is loaded."""

import os

__all__ = ["available", "require_room"]


def available() -> int | None:
    """Bytes of memory that are free for use, or None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def require_room(name: str, numbers: int) -> None:
    """Nothing, if ``numbers`` float32 weights fit in memory.

    Raises:
        ValueError: they do not; ``name`` says of which file.
    """
    free = available()
    if free is not None and 4 * numbers > free:
        raise ValueError(
            f"path must be a model that fits in memory, {name} needs {4 * numbers / 1e9:.3g} GB as float32"
            f" and {free / 1e9:.3g} GB are free"
        )
