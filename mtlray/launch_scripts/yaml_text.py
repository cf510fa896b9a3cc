"""YAML as a person would write it: keys in their order, texts of several lines as blocks, long lines left alone."""

from typing import Any


def as_yaml(content: dict[str, Any]) -> str:
    """One YAML document."""
    import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
        pass

    def text(dumper: Any, value: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    document: str = yaml.dump(content, Dumper=Dumper, sort_keys=False, width=10**6, allow_unicode=True)
    return document
