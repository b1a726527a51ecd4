"""The landscapes world's palettes: curated colours for every time of day."""

TIMES = ("dawn", "day", "golden hour", "dusk", "night", "overcast")
# Each palette gives its colours in this order; light and dark tint what the sun reaches and does not reach.
NAMES = (
    "sky_top sky_middle sky_low sun light dark rock snow snow_dark forest grass grass_dark sand "
    "cloud cloud_dark water"
).split()

PALETTES = {
    "dawn": (
        "6d8fc7 b9a9cf f9cbb2 fff3d2 ffcaa2 474b80 7d6f8f ffeae4 a9a4d0 3d585f 86a163 5d8058 e3c19c "
        "ffe6da c9a3bd 5d7fa8",
        "5fa3b5 a8d3c6 fde6c0 fff7de ffe2b2 2f5d6b 628389 fff5e8 9cc0c8 2d5a50 93b167 6a9560 e8d0a4 "
        "fff5e2 b9cbc8 4f8f9c",
        "7a86c9 d8a8c8 ffd2b8 fff0d8 ffc4ae 50407c 86708e ffe8ec b09dd0 43506a 90a06c 68805f e6c3a6 "
        "ffe2e0 cf9fc0 6f7fb4",
    ),
    "day": (
        "2f7fd0 6db3ea d3ecf8 fffbe0 fff0cc 2c4a78 6c7b93 ffffff a8c3e6 24563f 84bb4c 4f9444 ecd6a0 "
        "ffffff b7cce3 2a78b8",
        "1f8fb8 62c3d6 dcf5ec fffde8 fff3c8 1f4f6b 5d7d84 fbffff a3d0dc 1e5d4a 9cc653 5fa257 f4e1b2 "
        "ffffff bddbe0 17899c",
        "5f9fdc a4cff0 f3f4e6 fffce6 fff1d0 3a4f7c 8a8a90 ffffff b9c9e6 3a6440 a6c05a 77a050 eadbb0 "
        "ffffff c6d2e0 4a88bc",
    ),
    "golden hour": (
        "5f8cbc e8c890 ffdb8e fff6c8 ffd080 5b3f63 8d7176 fff1d8 c2a6ba 4b5b3a bba84b 8a8c42 efcd8e "
        "fff1d0 dba98e 6289a0",
        "3f78a4 f2ba7c ffd27c fff3bc ffbf6e 54385c 96685c ffe6c8 b796a8 6f4a2e cfa044 a07a3a ecc080 "
        "ffe4b4 d8946e 55809a",
        "86a8b0 f4d8a4 ffe7a6 fffada ffdc92 4c4c60 7f7c70 fff6dc b4b4b8 3f5c40 c2b652 8c9a48 f2d898 "
        "fff6da d2bc9c 7498a0",
    ),
    "dusk": (
        "3b2f6b a4527f fba070 ffe6a8 ff9c74 2a2250 57467c ffccc2 8a78b0 2a2e4a 5c6446 3d4c44 c08a78 "
        "ffb093 85507f 4a3d78",
        "1f4270 7a6098 f5a68e ffeab8 ffa888 1f2c54 455880 ffd4cc 7f8cbc 1e3a48 5a7258 3c5a54 c29a88 "
        "ffc0a8 7e6494 37527e",
        "5a2a58 cc5652 ffb662 fff0b0 ff9a5c 3c1c40 6a4058 ffd0a8 a07090 38263a 7c5c3c 583f3a d09464 "
        "ffb878 94455c 70405e",
    ),
    "night": (
        "0b1638 1b3262 456a9a f8f5dc a8bfe6 0a1330 2f4069 b8cbea 4f699c 0f2336 24484a 17343a 66748a "
        "5f7aa8 2f4675 142a50",
        "071f2e 0f4554 3a8a88 f4f8e0 a4d8d0 06202e 27505c b8e0e0 4a8490 0a2c30 22543e 163e38 64807c "
        "5a9a9c 235a68 0d3a4a",
        "150f38 35265f 74528e fbeee0 c4b0e8 140e34 44386e ccc0ee 6a5ca0 1a1c3c 34445a 232e48 7a6c8c "
        "7a66a8 42346f 241c52",
    ),
    "overcast": (
        "8fa3b3 b3c1c8 dfe4e0 f2f2ea eef0ea 45566a 6e7c88 f6f8fa b4c2d0 3a544e 86a068 64845c d0c4a8 "
        "e6eaec a2b0bc 7590a0",
        "9da8a0 c4c6b6 eae3d0 fbf5e4 f6eeda 4e5450 7c7c74 fbf8ee c2c2ba 475844 a0a468 7c8654 d8c69e "
        "f0ebdc b4b4a8 8a9a98",
    ),
}


def colours(text):
    """A palette's text -> tuple of 16 tuples (red, green, blue) in [0, 1]."""
    return tuple(tuple(int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)) for c in text.split())
