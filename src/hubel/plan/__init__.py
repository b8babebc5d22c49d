"""What training a network takes: time by the roofline, memory, days and energy, on one device or on many."""

from hubel.plan._devices import DEVICES, MOST_IMAGE_CHANNELS, SHARES, Device, device_data, device_from, find_device
from hubel.plan._distributed import RunPlan, StepPlan, plan_run, plan_step
from hubel.plan._graph import GraphPlan, Held
from hubel.plan._plan import Devices, Plan, Within
from hubel.plan._roofline import LayerTime, layer_times
from hubel.plan._words import (
    ASSUMPTIONS,
    HOP_SECONDS,
    Rows,
    bytes_text,
    memory_rows,
    run_rows,
    slowest,
    step_rows,
    time_text,
    title,
)

__all__ = [
    "ASSUMPTIONS",
    "DEVICES",
    "HOP_SECONDS",
    "MOST_IMAGE_CHANNELS",
    "SHARES",
    "Device",
    "Devices",
    "GraphPlan",
    "Held",
    "LayerTime",
    "Plan",
    "Rows",
    "RunPlan",
    "StepPlan",
    "Within",
    "bytes_text",
    "device_data",
    "device_from",
    "find_device",
    "layer_times",
    "memory_rows",
    "plan_run",
    "plan_step",
    "run_rows",
    "slowest",
    "step_rows",
    "time_text",
    "title",
]
