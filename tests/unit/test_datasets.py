"""Readers of image data on files made here, the package's MNIST, and seeded mini-batches."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct

import numpy as np
import pytest

from mfpde.datasets import Dataset, MiniBatches, cifar10, fashion_mnist, mnist, read_idx
from mfpde.datasets.cifar10 import to_grey


def refused(call, error, *words):
    with pytest.raises(error) as raised:
        call()
    for word in words:
        assert word in str(raised.value)


@pytest.fixture(scope="module")
def images():
    return mnist()


def test_mnist(images):
    test = mnist("test")
    assert (images.pixels.shape, test.pixels.shape, images.d) == ((60000, 784), (10000, 784), 784)
    assert images.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(images.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    x = images.inputs()
    assert x.dtype == np.float32
    # 0.1307 and 0.3081 are the training mean and standard deviation, rounded.
    assert abs(x.mean(dtype=float)) < 2e-4
    assert abs(x.std(dtype=float) - 1.0) < 2e-4
    np.testing.assert_array_equal(images.last(10).inputs(), x[-10:])
    np.testing.assert_array_equal(images.first(7).y, images.y[:7])
    refused(lambda: images.first(60001), ValueError, "n = 60001: mnist train has 60000 images")


def test_mnist_that_is_missing_damaged_or_unknown(tmp_path):
    file = tmp_path / "mnist.npz"
    refused(lambda: mnist(path=file), FileNotFoundError, str(file), "put mnist.npz there")
    file.write_bytes(b"PK")
    refused(lambda: mnist(path=file), ValueError, "SHA-256 is " + hashlib.sha256(b"PK").hexdigest(), "put the package's mnist.npz there")
    refused(lambda: mnist("valid"), ValueError, "part = 'valid': give one of train, test")


def idx_bytes(values, code=0x08):
    return bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


@pytest.mark.parametrize(("code", "dtype"), [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
@pytest.mark.parametrize("compressed", [False, True])
def test_idx_files(code, dtype, compressed, tmp_path):
    values = np.arange(-6, 6).reshape(3, 2, 2).astype(dtype)
    content = idx_bytes(values, code)
    (tmp_path / "file").write_bytes(gzip.compress(content) if compressed else content)
    found = read_idx(tmp_path / "file")
    np.testing.assert_array_equal(found, values)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")


def test_damaged_idx_files(tmp_path):
    file, content = tmp_path / "labels", idx_bytes(np.arange(5, dtype=np.uint8))
    for damaged, words in (
        (content[:-1], ("has 4 bytes of data, its header says 5", "download it again")),
        (content + b"0", ("has 6 bytes of data",)),
        (content[:6], ("cut within its header",)),
        (b"\1" + content[1:], ("is no idx file: it begins with 01 00 08 01",)),
        (b"\0\0\x07" + content[3:], ("is no idx file",)),
        (b"", ("is no idx file",)),
        (gzip.compress(content)[:-9], ("is damaged", "download it again")),
    ):
        file.write_bytes(damaged)
        refused(lambda: read_idx(file), ValueError, str(file), *words)


def test_fashion_mnist(tmp_path):
    rng = np.random.default_rng(0)
    pixels, y = rng.integers(0, 256, (6, 28, 28), np.uint8), np.array([9, 0, 3, 3, 1, 2], np.uint8)
    refused(lambda: fashion_mnist(folder=tmp_path), FileNotFoundError, "train-images-idx3-ubyte is missing", str(tmp_path))
    refused(fashion_mnist, FileNotFoundError, "fashion-mnist of mfpde's data folder")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(pixels)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(y))
    data = fashion_mnist(folder=tmp_path)
    np.testing.assert_array_equal(data.pixels, pixels.reshape(6, 784))
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_allclose(data.inputs([2]), (pixels[2].reshape(1, 784) / 255 - 0.2860) / 0.3530, rtol=1e-5, atol=1e-6)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(y[:5]))
    refused(lambda: fashion_mnist(folder=tmp_path), ValueError, "do not belong together")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.where(y == 9, 10, y).astype(np.uint8)))
    refused(lambda: fashion_mnist(folder=tmp_path), ValueError, "labels from 0 to 10")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(pixels))
    refused(lambda: fashion_mnist(folder=tmp_path), ValueError, "are no such data")


def write_cifar(folder, name, data, labels):
    (folder / name).write_bytes(pickle.dumps({b"data": data, b"labels": labels, b"batch_label": b"x", b"filenames": [b"y"]}, protocol=2))


def test_cifar10(tmp_path):
    rng = np.random.default_rng(1)
    files = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batches = {name: (rng.integers(0, 256, (4, 3072), np.uint8), rng.integers(0, 10, 4).tolist()) for name in files}
    for name, (data, labels) in batches.items():
        write_cifar(tmp_path, name, data, labels)
    train, test = cifar10(folder=tmp_path), cifar10("test", folder=tmp_path)
    assert (len(train), len(test), train.d) == (20, 4, 1024)
    assert train.y.tolist() == [label for name in files[:5] for label in batches[name][1]]
    colours = batches["data_batch_2"][0][1].reshape(3, 1024).astype(float)
    np.testing.assert_allclose(train.pixels[5], np.array([0.299, 0.587, 0.114]) @ colours, atol=0.5 + 1e-9)
    np.testing.assert_allclose(test.inputs([0])[0], (test.pixels[0] / 255 - 0.4809) / 0.2392, rtol=1e-5, atol=1e-6)


def test_grey_of_grey_is_itself():
    channel = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(to_grey(np.tile(channel, 3)), channel)
    np.testing.assert_array_equal(to_grey(np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8))[:, 0], [76, 150, 29])


def test_cifar10_that_is_missing_or_damaged(tmp_path):
    refused(lambda: cifar10(folder=tmp_path), FileNotFoundError, "data_batch_1 is missing", "cifar-10-python.tar.gz", str(tmp_path))
    refused(cifar10, FileNotFoundError, "cifar-10-batches-py/data_batch_1 is missing", "give folder=")
    good = np.zeros((2, 3072), np.uint8)
    for data, labels, words in (
        (good[:, :-1], [0, 1], "no images of 3072 bytes"),
        (good.astype(float), [0, 1], "no images of 3072 bytes"),
        (good, [0], "not one label for each of its 2 images"),
        (good, [0, 10], "labels from 0 to 10"),
    ):
        write_cifar(tmp_path, "test_batch", data, labels)
        refused(lambda: cifar10("test", folder=tmp_path), ValueError, words)
    for content, words in (
        (b"no pickle", "unpack the archive again"),
        (pickle.dumps([1, 2]), "holds a list"),
        (pickle.dumps({b"data": print}), "builtins.print, which no data file does"),
    ):
        (tmp_path / "test_batch").write_bytes(content)
        refused(lambda: cifar10("test", folder=tmp_path), ValueError, words)


def small():
    pixels = np.arange(10 * 3, dtype=np.uint8).reshape(10, 3)
    return Dataset("small", pixels, np.arange(10), mean=0.0, std=1 / 255)


def test_an_epoch_passes_once_through_the_data():
    batches = MiniBatches(small(), size=4, steps=7, rng=3)
    assert (len(batches), batches.per_epoch) == (7, 3)
    epochs = [[batches(3 * e + i) for i in range(3)] for e in range(2)]
    for epoch in epochs:
        assert [len(y) for _, y in epoch] == [4, 4, 2]
        assert sorted(np.concatenate([y for _, y in epoch]).tolist()) == list(range(10))
        for x, y in epoch:
            np.testing.assert_allclose(x[:, 0], 3.0 * y, rtol=1e-6)
    assert epochs[0][0][1].tolist() != epochs[1][0][1].tolist()


def test_any_batch_can_be_made_alone_and_the_seed_fixes_it():
    batches, again = MiniBatches(small(), 4, 7, rng=3), MiniBatches(small(), 4, 7, rng=3)
    forward = [batches(k)[1].tolist() for k in range(6)]
    assert [again(k)[1].tolist() for k in (5, 0, 3, 2, 1, 4)] == [forward[k] for k in (5, 0, 3, 2, 1, 4)]
    assert MiniBatches(small(), 4, 7, rng=4)(0)[1].tolist() != forward[0]
    assert batches.config() == again.config()
    assert batches.config()["digest"] != MiniBatches(small().first(9), 4, 7, rng=3).config()["digest"]


def test_union_and_bad_sizes():
    x, y = MiniBatches(small(), 4, 7, loss_rows=6).union()
    assert (x.shape, y.tolist()) == ((6, 3), list(range(6)))
    refused(lambda: MiniBatches(small(), 11, 1), ValueError, "size = 11: small has 10 images")
    refused(lambda: MiniBatches(small(), 4, 0), ValueError, "steps = 0")
    refused(lambda: MiniBatches(small(), 4, 1, loss_rows=11), ValueError, "loss_rows = 11")
