"""Checks that localizing and classifying leave network and process as they found them.

Several extractors work on one trained network, one after another. A change that remains after a call would change the
numbers of all that follow.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from wsol.errors import RunError
from wsol.networks import Classifier, Extractor
from wsol.process_state import difference, process_state

State = dict[str, tuple[Hashable, ...]]
"""What it is, for messages → a value that can be compared."""
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
)
_GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")


class NetworkGuard:
    """Remembers the state of a network; :meth:`check` compares it, :meth:`check_bytes` also the values.

    The quick check notices replaced modules, hooks, modes, plain attributes, and parameters and buffers that were
    written to by an operation of torch. Writes that pass torch by, such as those to ``parameter.data``, are noticed by
    the bytes only.

    Args:
        network: The network.
        keep_values: Whether to copy all parameters and buffers, for :meth:`check_bytes`.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        >>> guard = NetworkGuard(network.eval())
        >>> _ = network[1].train()
        >>> guard.check("extractor 'mine'")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        wsol.errors.RunError: extractor 'mine' changes the network (training mode of '1'), which other components ...
    """

    def __init__(self, network: nn.Module, keep_values: bool = False) -> None:
        self.network = network
        self.state = _network_state(network)
        self.process = process_state()
        self.values = {name: tensor.detach().clone() for name, tensor in _tensors(network)} if keep_values else {}
        self._modules = list(network.modules())
        self._parameters = [tensor for _, tensor in _tensors(network)]
        self._counts = self._count()

    def check_counts(self, component: str) -> None:
        """Compare counts of modes, hooks and writes, which costs little; a difference is named by :meth:`check`."""
        if self._count() != self._counts or self.process != process_state():
            self.check(component)

    def _count(self) -> tuple[int, ...]:
        hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in self._modules)
        modes = sum(module.training for module in self._modules)
        return modes, hooks, sum(tensor._version for tensor in self._parameters)

    def check(self, component: str) -> None:
        """Compare everything but the values.

        Args:
            component: Kind and name of the component that was called, for the error.

        Raises:
            RunError: The network, or the state of the process, is not as it was.
        """
        now = _network_state(self.network)
        if now != self.state:
            raise _error(component, "the network", _what(self.state, now))
        if found := difference(self.process, process_state()):
            raise _error(component, "the process", found)

    def check_bytes(self, component: str) -> None:
        """Compare the values of all parameters and buffers with the copy; arguments and errors as :meth:`check`."""
        now = dict(_tensors(self.network))
        equal = [torch.equal(_bits(before), _bits(now[name].detach())) for name, before in self.values.items()]
        changed = [name for name, same in zip(self.values, equal, strict=True) if not same]
        if changed:
            raise _error(component, "the network", f"values of '{changed[0]}'")


class GuardedExtractor(Extractor):
    """An extractor that is checked after each call: it may change neither the network nor what it is called with.

    Args:
        extractor: The extractor.
    """

    def __init__(self, extractor: Extractor) -> None:
        super().__init__(extractor.options)
        self.extractor = extractor
        vars(self)["name"] = extractor.name  # what plugins read
        self._guard: NetworkGuard | None = None

    def __call__(self, classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """Call the extractor and check it; arguments and result as for any extractor."""
        named = f"extractor '{self.extractor.name}'"
        if self._guard is None or self._guard.network is not classifier:
            self._guard = NetworkGuard(classifier, keep_values=True)
        inputs = InputGuard(images, labels)
        maps = self.extractor(classifier, images, labels)
        self._guard.check_counts(named)
        if self._guard.values:  # the first call; later ones are compared together, at the end of the pass
            self._guard.check(named)
            self._guard.check_bytes(named)
            self._guard.values.clear()
        inputs.check(named)
        return maps


class InputGuard:
    """Remembers the versions of the images and labels that a component is called with, and copies the labels."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.tensors = {"images": images, "labels": labels}
        self.versions = {name: tensor._version for name, tensor in self.tensors.items()}
        self.labels = labels.clone() if labels.device.type == "cpu" else None  # only there NumPy shares the memory

    def check(self, component: str) -> None:
        """Raise RunError, naming ``component``, if a tensor was written to."""
        for name, tensor in self.tensors.items():
            if tensor._version != self.versions[name]:
                raise _error(component, f"the {name} that it is called with", "written to in place")
        if self.labels is not None and not torch.equal(self.tensors["labels"], self.labels):
            raise _error(component, "the labels that it is called with", "other values")


def _error(component: str, what: str, found: str) -> RunError:
    return RunError(
        f"{component} changes {what} ({found}), which other components use; it must leave everything as it was"
    )


def _tensors(network: nn.Module) -> list[tuple[str, Tensor]]:
    return [*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)]


def _bits(tensor: Tensor) -> Tensor:
    """The bytes of a tensor, so that NaN equals itself and -0 differs from 0."""
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _network_state(network: nn.Module) -> State:
    found: State = {"hooks of all modules": tuple(len(getattr(torch_module, name)) for name in _GLOBAL_HOOKS)}
    for name, module in network.named_modules(remove_duplicate=False):
        attributes = vars(module)
        found[f"module '{name}'"] = (id(module), id(type(module)), "forward" in attributes)
        found[f"hooks of '{name}'"] = tuple(tuple(attributes.get(hooks) or ()) for hooks in _HOOKS)
        found[f"training mode of '{name}'"] = (module.training,)
        found[f"attributes of '{name}'"] = tuple(
            (key, value) for key, value in attributes.items() if isinstance(value, bool | int | float | str)
        )
    for name, tensor in _tensors(network):
        found[f"'{name}'"] = (id(tensor), tensor._version, tensor.dtype, tensor.device, tensor.requires_grad)
        found[f"hooks of '{name}'"] = (len(tensor._backward_hooks or ()),)
        found[f"gradient of '{name}'"] = (None if tensor.grad is None else (id(tensor.grad), tensor.grad._version),)
    return found


def _what(before: State, now: State) -> str:
    """Name what differs: what is gone, what is new, a replaced module, a mode, or the first of all others."""
    names: Sequence[str] = [*(before.keys() - now.keys()), *(now.keys() - before.keys())]
    if names:
        return sorted(names)[0]
    differing = [name for name, value in before.items() if now[name] != value]
    return min(differing, key=lambda name: (not name.startswith("module"), not name.startswith("training mode")))
