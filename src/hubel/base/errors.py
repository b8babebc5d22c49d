"""The errors of hubel's own, one tree: catch the branch that you can do something about.

HubelError
  · NetworkError            what a network is: its text, its shapes
      x NotationError       the text form cannot be read; `column` says where
      x ShapeError          a layer does not fit its input; `place`, `rule`, `values`, `fits`
      x UnknownLayerError   a layer of someone's own, where only known ones can be worked with
  · UnknownNameError        no network, option, layer … has that name; the message suggests the nearest
      x UnknownNetworkError
      x UnknownOptionError
  · SettingError            a setting or argument that is of the wrong kind, out of range, or contradicts another
  · LimitError              more of something than is taken without being asked; the message names the setting
  · FileError               something on disk, or at an address, is not what was expected
      x ModelFileError      a model
      x WeightsError        weights that others have trained
      x CheckpointError     the checkpoints of a run
      x RunError            the folder of a run
      x ImageError          an image; `path`, `reason`
      x IndexFileError      an index of images
      x DownloadError       what an address gave, or that it gave nothing
      x CacheError          the folder where hubel keeps what it can make again
      x LockedError         another process is at work on it
  · TrainingError           training cannot begin or go on
      x NotFiniteError      the loss is not a number, or exploded
      x NotEnoughMemoryError  which batch would fit
      x LostProcessError    another process of it ended
      x StoppedError        asked to stop, and saved

Every one is also Python's own kind of it (ValueError, OSError, LookupError, RuntimeError, MemoryError), so that code
that knows nothing of hubel can catch it too. The message says what was expected, what was received, where,
and what to do.
"""

from __future__ import annotations


class HubelError(Exception):
    """Anything that hubel refuses or cannot do, said in words for whoever asked. The root of the tree."""


class NetworkError(HubelError, ValueError):
    """A network that cannot be: its text form, its shapes, its layers."""


class UnknownNameError(HubelError, LookupError):
    """Nothing of that kind has that name; the message suggests the nearest."""


class SettingError(HubelError, ValueError):
    """A setting or an argument of the wrong kind, out of range, or against another one."""


class LimitError(HubelError, ValueError):
    """More of something than is taken from a file or a line without being asked; see `hubel.base.limits`."""


class FileError(HubelError):
    """A file, a folder or an address that is missing, damaged, or another than expected."""


class DownloadError(FileError, OSError):
    """A file that cannot be downloaded; the message says where it may be put by hand."""


class ChecksumError(FileError, ValueError):
    """A file that is another than the one expected: what its checksum had to be, and what it is."""


class CacheError(FileError, OSError):
    """The cache folder cannot be used; the message says how to choose another."""


class LockedError(FileError, RuntimeError):
    """Another process holds the file or folder."""


class TrainingError(HubelError, RuntimeError):
    """Training that cannot begin or cannot go on."""
