"""Boxes around objects, as COCO, YOLO, VOC and tables have them."""
