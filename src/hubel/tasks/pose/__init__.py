"""Where the parts of bodies, faces and things are: points, of one individual or several."""
