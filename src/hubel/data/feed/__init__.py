"""From a data set to the batches of an epoch: order, augmentation, reading ahead."""
