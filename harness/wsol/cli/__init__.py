"""The command line. What a command of another package needs is here: option types and functions that print.

A package adds commands under the entry-point group ``wsol.commands``. They look and behave like the others when they
take their common options from here:

Example:
    >>> from pathlib import Path
    >>> import wsol
    >>> def count(run: wsol.cli.RunFolder, plugin: wsol.cli.PluginFiles = None) -> None:
    ...     "Print the number of parameters of a finished run."
    ...     method = wsol.load_localizer(run, plugin or ()).method
    ...     wsol.cli.print_line(sum(parameter.numel() for parameter in method.parameters()))
"""

from wsol.cli.common import AsJson as AsJson
from wsol.cli.common import BenchmarkName as BenchmarkName
from wsol.cli.common import CacheFolder as CacheFolder
from wsol.cli.common import DataRoot as DataRoot
from wsol.cli.common import EvaluationIndex as EvaluationIndex
from wsol.cli.common import Overwrite as Overwrite
from wsol.cli.common import PluginFiles as PluginFiles
from wsol.cli.common import ProtocolName as ProtocolName
from wsol.cli.common import ResultsFolder as ResultsFolder
from wsol.cli.common import RunFolder as RunFolder
from wsol.cli.common import ScoredSplitOption as ScoredSplitOption
from wsol.cli.common import finite as finite
from wsol.cli.common import load_plugins as load_plugins
from wsol.cli.common import out as out
from wsol.cli.common import print_json as print_json
from wsol.cli.common import print_line as print_line
from wsol.cli.common import print_status as print_status
from wsol.cli.common import warn as warn
from wsol.cli.common import with_options as with_options
