"""TOML files with the line of each key, for messages that name it."""

from ._toml import KeyPath as KeyPath
from ._toml import TomlFile as TomlFile
from ._toml import read_toml as read_toml
