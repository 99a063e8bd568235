"""Without the package grad-cam the plugin is listed, imports nothing, and names the package when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wsol
from wsol.plugins import load_plugins

MISSING = "this extractor needs the package grad-cam: pip install 'wsol[gradcam]'"


def test_listing_does_not_import_the_package() -> None:
    code = (
        "import sys; sys.modules['pytorch_grad_cam'] = None; from wsol.plugins import load_plugins; "
        "p = load_plugins(); print(p.failed, 'layer_cam' in p.names('extractors'), 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True", "False"]


def test_planning_without_the_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    for name in ("grad_cam", "score_cam", "eigen_cam"):
        with pytest.raises(wsol.UsageError) as caught:
            load_plugins().options("extractors", name, {})
        assert str(caught.value) == MISSING


def test_an_error_about_a_broken_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from wsol_gradcam.package import load

    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(wsol.UsageError, match=r"pip install 'wsol\[gradcam\]' \(.*pytorch_grad_cam.*\)$"):
        load()
