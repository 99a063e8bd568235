"""A benchmark harness for weakly supervised object localization.

Everything that a plugin needs is an attribute of this package. ``__init__.pyi`` lists the names; each is imported at
its first use, so that ``import wsol`` and ``wsol --help`` load nothing heavy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
