#!/bin/bash
rm $1
cd /nowhere
