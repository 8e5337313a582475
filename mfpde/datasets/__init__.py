"""Data sets of images: MNIST (with the package), Fashion-MNIST and CIFAR-10 (from their files), and mini-batches of them."""

from mfpde.datasets.cifar10 import cifar10
from mfpde.datasets.dataset import Dataset
from mfpde.datasets.fashion_mnist import fashion_mnist
from mfpde.datasets.idx import read_idx
from mfpde.datasets.minibatches import MiniBatches
from mfpde.datasets.mnist import mnist

__all__ = ["Dataset", "MiniBatches", "cifar10", "fashion_mnist", "mnist", "read_idx"]
