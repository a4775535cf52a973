//! Embeddings of images by encoders in ONNX files.
