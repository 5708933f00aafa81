#!/bin/sh
echo "Hello from a container, $(id -un)!"
