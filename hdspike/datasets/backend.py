"""A build backend that builds nothing: what pip asks when it downloads a source distribution.

pip wants the metadata of every source distribution that it downloads, for which it would run the package's own
build. With this module in the place of ``setuptools.build_meta`` it gets a name and a version, and no line of the
package is run.
"""

from pathlib import Path

__all__ = ["install"]

BUILD_META = """
import os
def get_requires_for_build_wheel(config_settings=None):
    return []
def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name, version = {name!r}, {version!r}
    folder = f"{{name.replace('-', '_')}}-{{version}}.dist-info"
    os.makedirs(os.path.join(metadata_directory, folder))
    with open(os.path.join(metadata_directory, folder, "METADATA"), "w") as file:
        file.write(f"Metadata-Version: 2.1\\nName: {{name}}\\nVersion: {{version}}\\n")
    return folder
class _Legacy:
    get_requires_for_build_wheel = staticmethod(get_requires_for_build_wheel)
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
__legacy__ = _Legacy()
"""


def install(folder: Path, name: str, version: str) -> None:
    """Put a package ``setuptools`` into ``folder`` that describes one package and can do no more."""
    place = folder / "setuptools"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    (place / "build_meta.py").write_text(BUILD_META.format(name=name, version=version))
