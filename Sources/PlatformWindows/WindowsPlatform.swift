import Agent
import CShims
