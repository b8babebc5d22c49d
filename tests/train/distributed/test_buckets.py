"""Gradients go from process to process in the same pieces in every step: a resumed run adds as the first did."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from hubel.train.distributed.buckets import averaged_over


@pytest.fixture
def group():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_buckets_stay_as_they_are(group):
    large = nn.Sequential(nn.Linear(8, 1024), nn.Linear(1024, 4096), nn.Linear(4096, 1024), nn.Linear(1024, 2))
    exchanging = averaged_over(large)
    seen = []
    for _ in range(3):
        exchanging(torch.randn(2, 8)).sum().backward()
        told = exchanging._get_ddp_logging_data()
        seen.append(told["bucket_sizes"])
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0].split(",")) > 1
    assert not told["has_rebuilt_buckets"]
