"""The methods that DESOM is compared with, one file per paper."""
