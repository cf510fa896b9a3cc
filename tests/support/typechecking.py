"""What checks shapes and types while the tests run: beartype, for which an int is a float, as it is for mypy."""

from beartype import BeartypeConf, beartype

typechecked = beartype(conf=BeartypeConf(is_pep484_tower=True))
