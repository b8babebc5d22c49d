"""Getting at what goes on in a trained model: images made ready, layers recorded, answers scored."""
