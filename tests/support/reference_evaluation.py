"""The evaluation rules as a plain, slow algorithm: threshold and search contours a thousand times per image."""

import cv2
import numpy as np


def plain_boxes(score_map, tau, contours="all"):
    """Boxes [N, 4] of the map at one threshold."""
    grey = (score_map * 255).astype(np.uint8)
    height, width = grey.shape
    _, foreground = cv2.threshold(grey, int(tau * np.max(grey)), 255, cv2.THRESH_BINARY)
    found = cv2.findContours(foreground, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if len(found) == 0:
        return np.array([[0, 0, 0, 0]])
    if contours == "largest":
        found = [max(found, key=cv2.contourArea)]
    boxes = []
    for contour in found:
        x, y, w, h = cv2.boundingRect(contour)
        boxes.append((x, y, min(x + w, width - 1), min(y + h, height - 1)))
    return np.array(boxes)


def plain_iou(a, b, inclusive):
    """IoU of each box of a [N, 4] with each of b [M, 4]."""
    a, b = np.asarray(a)[:, None], np.asarray(b)[None]
    one = 1 if inclusive else 0
    w = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0]) + one
    h = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1]) + one
    shared = np.maximum(0, w) * np.maximum(0, h)
    area_a = (a[..., 2] - a[..., 0] + one) * (a[..., 3] - a[..., 1] + one)
    area_b = (b[..., 2] - b[..., 0] + one) * (b[..., 3] - b[..., 1] + one)
    union = area_a + area_b - shared
    return shared / np.where(union <= 0, 1, union)


def plain_best_ious(score_map, gt_boxes, thresholds=1000, contours="all", inclusive=True):
    """The best IoU at every threshold, [T]."""
    taus = np.arange(0, 1, 1 / thresholds)[:thresholds]
    return np.array([plain_iou(plain_boxes(score_map, tau, contours), gt_boxes, inclusive).max() for tau in taus])


def plain_pxap(foreground_counts, background_counts):
    """PxAP of one pair of histograms, bin by bin from the highest score to the lowest."""
    positives = sum(foreground_counts)
    true = false = 0
    score = recall = 0.0
    for t, f in zip(reversed(foreground_counts), reversed(background_counts), strict=True):
        true, false = true + t, false + f
        if true + false:
            score += true / (true + false) * (true / positives - recall)
            recall = true / positives
    return 100 * score


def normalise(score_map):
    """Min-max to [0, 1]; zeros for a constant map."""
    span = score_map.max() - score_map.min()
    return (score_map - score_map.min()) / span if span > 0 else np.zeros_like(score_map)


def cam_like(rng, shape=(224, 224), grid=28):
    """A map as a network gives it: grid x grid, rectified noise, upsampled with overshoot."""
    coarse = np.maximum(rng.standard_normal((grid, grid)), 0)
    return normalise(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC))


def smooth(rng, shape=(224, 224), sigma=20.0):
    """Blurred noise: few components, wide slopes."""
    return normalise(cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), sigma))


def noisy(rng, shape=(224, 224)):
    """Independent pixels: thousands of components and holes."""
    return normalise(rng.random(shape))
