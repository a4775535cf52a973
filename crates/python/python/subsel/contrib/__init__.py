"""What lets other packages use subsel in place of a part of theirs; each module needs the package it is named for."""
