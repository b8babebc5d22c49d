"""The errors of hubel's own, one tree: catch the branch that you can do something about.

HubelError                    anything that hubel refuses or cannot do
  NetworkError                a network that cannot be
    NotationError             its text form cannot be read; `column`
    ShapeError                a layer does not fit its input; `place`, `rule`, `values`, `fits`
  UnknownNameError            nothing has that name: a layer, a setting of one, a device …; the nearest is suggested
    UnknownNetworkError       no network of the zoo
    UnknownOptionError        no option of the network
    UnknownTaskError          no task
  SettingError                a setting or an argument of the wrong kind, out of range, or against another one
    NoTreeError               a model that is no tree, where one is asked for on the command line
    OrderError                weights that no order can be Keras's
    TaskImportError           a task of another package that cannot be imported
  LimitError                  more of something than is taken without being asked; the message names the setting
  FileError                   a file, a folder or an address that is missing, damaged, or another than expected
    MissingFileError          there is none
    UnreadableError           it is there and cannot be read
    TensorFileError           a file of tensors (safetensors) that is not whole
    ModelFileError            a model
    SkewError                 an export that would answer otherwise than the model
    WeightsError              weights that others have trained, or that do not fit
    RunError                  the folder of a run
    CheckpointError           a run's checkpoints
    DataError                 a data set: its folders, archives, tables, arrays, labels
    ImageError                an image; `path`, `reason`
    IndexFileError            an index of images
    StudyError                  the database of a search
    DownloadError             a file that cannot be had from its address
    ChecksumError             a file whose checksum is another's
    CacheError                the folder for what can be made again
    FullDiskError             a file that there is no room for
    ReadOnlyError             a place where nothing may be written
    LockedError               a file or folder that another process is at work on
  TrainingError               training that cannot begin or go on
    NotFiniteError            the loss is no number any more, or exploded
    NotEnoughMemoryError      a step does not fit into memory
    LostProcessError          another process of it is gone
    DisagreementError         its processes were started differently
    StoppedError              it was asked to stop, and saved; `directory`, `signal`

Each is also Python's own kind of it (ValueError, KeyError, OSError, RuntimeError, MemoryError), so that code that knows
nothing of hubel can catch it. A message says what was expected, what was received, where, and what
to do.
"""

from __future__ import annotations


class HubelError(Exception):
    """Anything that hubel refuses or cannot do, said in words for whoever asked. The root of the tree."""


class NetworkError(HubelError, ValueError):
    """A network that cannot be: its text form, its shapes, its layers."""


class UnknownNameError(HubelError, KeyError):
    """Nothing of that kind has that name; the message suggests the nearest."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError's own quotes the message


class SettingError(HubelError, ValueError):
    """A setting or an argument of the wrong kind, out of range, or against another one."""


class OrderError(SettingError):
    """Numbers of different order meet one by one, so that no order of weights is Keras's."""


class LimitError(HubelError, ValueError):
    """More of something than is taken from a file or a line without being asked; see `hubel.base.limits`."""


class FileError(HubelError):
    """A file, a folder or an address that is missing, damaged, or another than expected: which, why, and what to do."""


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


class UnreadableError(FileError, OSError):
    """A file that is there and cannot be read: a folder, a pipe or a device of its name, or not one's to read."""


class TensorFileError(FileError, ValueError):
    """A file that is no whole safetensors file."""


class ModelFileError(FileError, ValueError):
    """A file that is not a model that can be read."""


class WeightsError(FileError, ValueError):
    """A file of weights that cannot be read, or whose weights do not fit the network."""


class DataError(FileError, ValueError):
    """A data set that is not as expected: its folders, archives, tables, arrays, labels."""


class DownloadError(FileError, OSError):
    """A file that cannot be downloaded; the message says where it may be put by hand."""


class ChecksumError(FileError, ValueError):
    """A file that is another than the one expected: what its checksum had to be, and what it is."""


class CacheError(FileError, OSError):
    """The cache folder cannot be used; the message says how to choose another."""


class FullDiskError(FileError, OSError):
    """A file that there is no room for, on the disk or within a quota; nothing of it is left."""


class ReadOnlyError(FileError, PermissionError):
    """A place where nothing may be written."""


class LockedError(FileError, RuntimeError):
    """Another process holds the file or folder."""


class TrainingError(HubelError):
    """Training that cannot begin or cannot go on."""
