"""What surrounds a trial in its process, and that it is as before afterwards."""

import pytest
import torch

from mtlray.cli import doctor
from mtlray.running.policy import is_out_of_memory
from mtlray.running.surroundings import surroundings
from mtlray.specs import RunConfig


def settings():
    cudnn = torch.backends.cudnn
    return cudnn.benchmark, cudnn.allow_tf32, torch.get_float32_matmul_precision(), torch.get_num_threads()


@pytest.fixture
def fast():
    before = settings()
    torch.backends.cudnn.benchmark = torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("high")
    yield settings()
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = before[:2]
    torch.set_float32_matmul_precision(before[2])


def test_float32_means_float32_while_a_trial_runs(fast):
    assert fast[:3] == (True, True, "high")
    with surroundings(RunConfig(device="cpu")):
        assert settings() == (False, False, "highest", 1)
    assert settings() == fast


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2 GiB",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: you tried to allocate 40 bytes",
    ],
)
def test_memory_that_a_library_did_not_get_is_lack_of_memory(words):
    assert is_out_of_memory(RuntimeError(words))


@pytest.mark.parametrize("words", ["CUDA error: an illegal memory access", "CUBLAS_STATUS_EXECUTION_FAILED"])
def test_other_errors_of_a_device_are_not(words):
    assert not is_out_of_memory(RuntimeError(words))


@pytest.mark.parametrize(("capability", "warned"), [((7, 5), True), ((8, 0), False), ((9, 0), False)])
def test_doctor_warns_of_bf16_where_the_device_has_none(monkeypatch, capability, warned):
    for name, value in (("is_available", True), ("device_count", 2), ("get_device_name", "T4")):
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    found = doctor._device().found
    assert found.startswith("2 GPU (T4)")
    assert ("bf16" in found) == warned
