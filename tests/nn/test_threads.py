"""On how many threads PyTorch computes, within and afterwards."""

import threading

import torch

from hubel.nn.threads import threads, usual_threads


def test_one_within_another_gives_back_what_that_had():
    before = torch.get_num_threads()
    with threads(before + 2):
        with threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == before + 2
        with threads(3), threads(4):
            assert torch.get_num_threads() == 4
        assert torch.get_num_threads() == before + 2
        assert usual_threads() == before
    assert torch.get_num_threads() == before


def test_what_ends_in_another_thread_gives_back_the_process_its_own():
    before, found = torch.get_num_threads(), []

    def work():
        with threads(before + 1):
            found.append(torch.get_num_threads())
        found.append(torch.get_num_threads())

    with threads(before + 3):
        other = threading.Thread(target=work)
        other.start()
        other.join()
        assert found == [before + 1, before]
        assert torch.get_num_threads() == before + 3
    assert torch.get_num_threads() == before
