"""A plugin with a task and a data set, in one module that a suite names: no other file knows of either."""

import json
import sys

import pytest

from ..factories import decompbench, suite_content, write_suite

PLUGIN = '''
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from decompbench.bench.data import ClassificationData, DataInfo, DataOutline, find_data, register_data
from decompbench.bench.tasks import Metric, Task, TaskOptions, register_task


def stripes(name, folder, image_size=None):
    """Images that are bright in rows or in columns."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 2
    images = torch.randint(256, (64, 1, 8, 1), generator=generator, dtype=torch.uint8).expand(-1, -1, -1, 8)
    images = torch.where(labels.view(-1, 1, 1, 1) == 1, images, images.transpose(2, 3)).contiguous()
    return ClassificationData.create(name, (images, labels), (images, labels), ("rows", "columns"))


for task in ("classification", "counting"):
    register_data(
        DataInfo(f"stripes-{task}", task, "stripes", "made", outline=DataOutline(1, (8, 8), 2), load=stripes)
    )


class Options(TaskOptions):
    smoothing: float = 0.0


@register_task
@dataclass(frozen=True)
class Counting(Task):
    name = "counting"
    metrics = (Metric("right", "images", True),)
    options_type = Options

    data: ClassificationData
    options: Options

    @classmethod
    def from_data(cls, data, root, options):
        return cls(find_data(data, cls.name).load(data, root), options)

    def model_kwargs(self):
        return {"in_chans": 1, "num_classes": 2}

    def example(self, batch_size=1):
        return self.data.train_images[:batch_size].float()

    def steps_per_epoch(self, batch_size):
        return 1

    def train_batches(self, batch_size, generator, device="cpu"):
        yield self.data.train_images[:batch_size].float(), self.data.train_labels[:batch_size]

    def loss(self, output, target):
        return F.cross_entropy(output, target, label_smoothing=self.options.smoothing)

    def evaluate(self, model):
        model.eval()
        with torch.no_grad():
            return {"right": float((model(self.data.test_images.float()).argmax(1) == self.data.test_labels).sum())}

    def validation_split(self, fraction=0.1, seed=0):
        return self
'''


@pytest.mark.parametrize(
    ("task", "data", "metric"),
    [("counting", "stripes-counting", "right"), ("classification", "stripes-classification", "top1")],
)
def test_one_module_is_enough(tmp_path, monkeypatch, task, data, metric):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_stripes.py").write_text(PLUGIN)
    content = suite_content(plugins=["my_stripes"], recipe={"epochs": 1}, measure={"batch_sizes": [1], "seconds": 0.1})
    content["entries"][0] |= {"task": task, "data": data, "methods": ["svd"]}
    suite = str(write_suite(tmp_path, content))
    assert decompbench("plan", suite).returncode == 0
    run = decompbench("run", suite, results=tmp_path / "results")
    assert run.returncode == 0, run.stderr
    records = [json.loads(line) for line in run.records_file.read_text().splitlines()]
    assert [record["measured"]["metric"] for record in records] == [metric] * 2
    versions = [record["identity"]["task"]["version"] for record in records]
    if task == "classification":
        assert versions == [1, 1]
    else:  # it declares no version: the digest of its source stands in
        assert {version.partition(" ")[0] for version in versions} == {"source"}
