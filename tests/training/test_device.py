import sys

import pytest

from tailtune.training.device import _unless_loaded


def test_a_package_that_is_not_loaded_cannot_be_imported_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with _unless_loaded("wave"), pytest.raises(ImportError):
        import wave
    import wave

    with _unless_loaded("wave"):
        import wave as again
    assert again is wave
    assert sys.modules["wave"] is wave
