"""Images decoded in memory. A GPU holds, chooses and augments them itself."""

from __future__ import annotations

import torch
from torch import Tensor

from ...data import ClassificationData
from .augment import Augmentation
from .images import Batches, Images

RESIDENT_SHARE = 0.25
"""Part of a GPU's free memory that the images may take; more than that stay in the CPU's."""


class MemoryImages(Images):
    """The images of a ``ClassificationData``.

    Parameters
    ----------
    data : ClassificationData
        All images.
    augmentation : Augmentation
        Of training images.
    mean, std : tuple of float
        Normalisation per channel, of images in [0, 1].
    test_batch_size : int
        Test images in a batch.
    """

    def __init__(
        self,
        data: ClassificationData,
        augmentation: Augmentation,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        test_batch_size: int,
    ) -> None:
        channels, height, width = data.train_images.shape[1:]
        self.shape = channels, height, width
        self.train_count = len(data.train_images)
        self.data = data
        self.augmentation = augmentation
        self.test_batch_size = test_batch_size
        self._places: dict[torch.device, _Place] = {}
        self._shift, self._scale = (255 * torch.tensor(values).view(1, -1, 1, 1) for values in (mean, std))

    def example(self, batch_size: int) -> Tensor:
        images = self.data.train_images
        chosen = images[torch.arange(batch_size) % len(images)]
        return chosen.float().sub_(self._shift).div_(self._scale)

    def train_batches(self, batch_size: int, generator: torch.Generator, device: torch.device) -> Batches:
        order = torch.randperm(self.train_count, generator=generator)
        batches = order.split(batch_size)[: self.steps_per_epoch(batch_size)]
        drawn = [self.augmentation.draw(len(batch), self.shape[1:], generator) for batch in batches]
        place = self._place(device)
        # moved once for all batches
        order_there, drawn_there = order.to(device), torch.cat(drawn, 1).to(device)
        for step, chosen in enumerate(batches):
            here = slice(step * batch_size, step * batch_size + len(chosen))
            numbers, chosen_there = drawn_there[:, here], order_there[here]
            images = self.augmentation.crop(place.train_images(chosen, chosen_there), numbers)
            inputs = self.augmentation.blot_out(place.normalise(images), numbers)
            yield inputs, place.train_labels[chosen_there]

    def test_batches(self, device: torch.device) -> Batches:
        place = self._place(device)
        parts = (tensor.split(self.test_batch_size) for tensor in (self.data.test_images, self.data.test_labels))
        for images, labels in zip(*parts, strict=True):
            yield place.normalise(images.to(device)), labels

    def _place(self, device: torch.device) -> _Place:
        device = self._shift.to(device).device  # with its number: "cuda" and "cuda:0" are one place
        if device not in self._places:
            self._places[device] = _Place(self.data, device, self._shift, self._scale)
        return self._places[device]


class _Place:
    """The training images on a device, or beside it where it has too little memory."""

    def __init__(self, data: ClassificationData, device: torch.device, shift: Tensor, scale: Tensor) -> None:
        self.device = device
        self.resident = fits(data.train_images.nbytes, device)
        self.images = data.train_images.to(device) if self.resident else data.train_images
        self.train_labels = data.train_labels.to(device)
        self.shift, self.scale = shift.to(device), scale.to(device)

    def train_images(self, chosen: Tensor, chosen_there: Tensor) -> Tensor:
        """Images by their numbers, which lie on the CPU and on the device, as uint8 on the device."""
        if self.resident:
            return self.images[chosen_there]
        # from pinned memory the copy runs beside the training
        return self.images[chosen].pin_memory().to(self.device, non_blocking=True)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 ``(b, c, h, w)`` to float, mean and standard deviation taken out."""
        return images.float().sub_(self.shift).div_(self.scale)


def fits(size: int, device: torch.device) -> bool:
    """Whether images of so many bytes may lie on a device during a training."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size <= RESIDENT_SHARE * free
