"""Points of bodies, faces and things, as COCO, DeepLabCut and tables have them."""
